# The engine and the store: no loop, no socket.
set(engine_rig rig.c rig_print.c rig_script.c)
lockgate_test(engine_session SOURCES test_engine_session.c ${engine_rig} LINK broker)
lockgate_test(engine_messages SOURCES test_engine_messages.c ${engine_rig} LINK broker)
lockgate_test(engine_subscribe SOURCES test_engine_subscribe.c ${engine_rig} LINK broker)
lockgate_test(engine_router SOURCES test_engine_router.c LINK broker)
lockgate_test(engine_threads SOURCES test_engine_threads.c LINK broker TIMEOUT 120)
lockgate_test(engine_starve SOURCES test_engine_starve.c ${engine_rig} LINK broker)
lockgate_test(store_memory SOURCES test_store_memory.c LINK broker)
