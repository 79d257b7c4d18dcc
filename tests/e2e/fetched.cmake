# Revocation data that is fetched: from a web server and OCSP responder of our own.
add_executable(e2e_responder responder.c)
target_link_libraries(e2e_responder PRIVATE lockgate_flags lockgate_x509 lockgate_base)

foreach(name fetched answered parked deltas)
  e2e_shell_test(${name} "RESPONDER=$<TARGET_FILE:e2e_responder>")
endforeach()
