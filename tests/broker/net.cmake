# broker/net: real sockets on port 0, certificates made on the spot by the contract tests' maker.
add_library(net_kit STATIC net_kit.c net_client.c)
target_link_libraries(net_kit PUBLIC lockgate_flags lockgate_testing lockgate_broker contract_pair dep_wolfssl)
function(net_test name)
  lockgate_test(broker_net_${name} SOURCES test_net_${name}.c LINK net_kit LABELS net TIMEOUT 120)
endfunction()
net_test(mail)
net_test(plain)
net_test(tls)
