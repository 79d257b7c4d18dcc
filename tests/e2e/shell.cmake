# A wall clock that a test can set. Sanitizers want to be the first library that is loaded: there it is left out.
set(SHIFT_CLOCK_LIB "")
if(NOT LOCKGATE_SANITIZE)
  add_library(e2e_shift_clock MODULE shift_clock.c)
  target_link_libraries(e2e_shift_clock PRIVATE ${CMAKE_DL_LIBS})
  set(SHIFT_CLOCK_LIB "$<TARGET_FILE:e2e_shift_clock>")
endif()

# Tests in shell: whole brokers with mosquitto's clients. Each has a folder and ports of its own.
find_program(MOSQUITTO_SUB mosquitto_sub)
find_program(MOSQUITTO_PUB mosquitto_pub)

# ARGN: more of its environment
function(e2e_shell_test name)
  if(MOSQUITTO_SUB AND MOSQUITTO_PUB)
    add_test(NAME e2e_${name} COMMAND bash "${CMAKE_CURRENT_SOURCE_DIR}/test_${name}.sh")
  else()
    # Exit 77 shows as skipped: a missing client is no success.
    add_test(NAME e2e_${name} COMMAND sh -c "echo mosquitto-clients is not installed; exit 77")
  endif()
  set_tests_properties(e2e_${name} PROPERTIES TIMEOUT 240 LABELS e2e COST 50 SKIP_RETURN_CODE 77
    ENVIRONMENT_MODIFICATION "${LOCKGATE_SANITIZER_ENV}"
    ENVIRONMENT "LOCKGATE=$<TARGET_FILE:lockgate>;LOCKGATE_CERTS=$<TARGET_FILE:lockgate-certs>;${ARGN}")
endfunction()

foreach(name rejudge lists_gone control identities kept keystore_live causes last_second certpol clock report)
  e2e_shell_test(${name} "SHIFT_CLOCK_LIB=${SHIFT_CLOCK_LIB}")
endforeach()
