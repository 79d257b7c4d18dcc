# broker/fetch: an HTTP server and a name server within the test program; nothing leaves this host.
add_library(fetch_kit STATIC fetch_kit.c web.c)
target_link_libraries(fetch_kit PUBLIC lockgate_flags lockgate_testing lockgate_broker Threads::Threads)
lockgate_test(broker_fetch_address SOURCES test_fetch_address.c LINK broker)
# names.c stands in for getaddrinfo(), so it belongs into the program itself.
lockgate_test(broker_fetch_transport SOURCES test_fetch_transport.c names.c LINK fetch_kit LABELS net TIMEOUT 120)
lockgate_test(broker_revocation_times SOURCES test_revocation_times.c LINK broker testpki)
add_library(cache_kit STATIC cache_kit.c)
target_link_libraries(cache_kit PUBLIC lockgate_flags lockgate_testing lockgate_broker)
lockgate_link(cache_kit PUBLIC testpki)
lockgate_test(broker_revocation_lists SOURCES test_revocation_lists.c LINK cache_kit)
lockgate_test(broker_revocation_answers SOURCES test_revocation_answers.c LINK cache_kit)
lockgate_test(broker_fetch_tls SOURCES test_fetch_tls.c names.c LINK fetch_kit testpki dep_wolfssl LABELS net TIMEOUT 120)
lockgate_test(broker_revocation_fetched SOURCES test_revocation_fetched.c LINK fetch_kit testpki LABELS net TIMEOUT 120)
