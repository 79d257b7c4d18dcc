# What the control plane reads from files: no loop, no socket.
lockgate_test(broker_control_keystore SOURCES test_control_keystore.c LINK broker testpki TIMEOUT 120)
lockgate_test(broker_control_identities SOURCES test_control_identities.c LINK broker testpki)
lockgate_test(broker_control_staple SOURCES test_control_staple.c LINK broker testpki)
lockgate_test(broker_control_logins SOURCES test_control_logins.c LINK broker)
lockgate_test(broker_control_refusal SOURCES test_control_refusal.c ../auth/world.c LINK broker auth testpki)
lockgate_test(broker_time_guard SOURCES test_time_guard.c LINK broker)
lockgate_test(broker_known SOURCES test_known.c LINK broker)
lockgate_test(broker_look SOURCES test_look.c LINK broker)
