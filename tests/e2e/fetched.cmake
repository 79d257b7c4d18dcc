# Revocation data that is fetched: from a web server and OCSP responder of our own.
add_executable(e2e_responder responder.c)
target_link_libraries(e2e_responder PRIVATE lockgate_flags lockgate_x509 lockgate_base)

foreach(name fetched parked)
  if(MOSQUITTO_SUB AND MOSQUITTO_PUB)
    add_test(NAME e2e_${name} COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/test_${name}.sh")
  else()
    add_test(NAME e2e_${name} COMMAND sh -c "echo mosquitto-clients is not installed; exit 77")
  endif()
  set_tests_properties(e2e_${name} PROPERTIES TIMEOUT 240 LABELS e2e COST 50 SKIP_RETURN_CODE 77
    ENVIRONMENT_MODIFICATION "${LOCKGATE_SANITIZER_ENV}"
    ENVIRONMENT
    "LOCKGATE=$<TARGET_FILE:lockgate>;LOCKGATE_CERTS=$<TARGET_FILE:lockgate-certs>;RESPONDER=$<TARGET_FILE:e2e_responder>")
endforeach()
