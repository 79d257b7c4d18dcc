# What connections and the control plane stand on: no loop, no socket.
lockgate_test(broker_refusal SOURCES test_refusal.c ../auth/world.c LINK broker auth testpki)
lockgate_test(broker_refusal_bound SOURCES test_refusal_bound.c LINK broker auth)
lockgate_test(broker_chain_certs SOURCES test_chain_certs.c LINK broker testpki Threads::Threads)
lockgate_test(broker_chain_table SOURCES test_chain_table.c LINK broker testpki Threads::Threads)
lockgate_test(broker_chain_memo SOURCES test_chain_memo.c LINK broker testpki)
lockgate_test(broker_material SOURCES test_material.c LINK broker testpki)
lockgate_test(broker_ocsp_watch SOURCES test_ocsp_watch.c LINK broker testpki Threads::Threads)
lockgate_test(broker_ocsp_for_good SOURCES test_ocsp_for_good.c LINK broker testpki)
