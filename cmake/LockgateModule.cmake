# lockgate_module(NAME SOURCES a.c b.c LINK lower modules)
#   One folder, one static library lockgate_NAME. LINK names modules (base) or imported targets.
function(lockgate_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(lockgate_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(lockgate_${name} PUBLIC lockgate_flags)
  lockgate_link(lockgate_${name} PUBLIC ${ARG_LINK})
endfunction()

function(lockgate_link target scope)
  foreach(dep IN LISTS ARGN)
    if(TARGET lockgate_${dep})
      target_link_libraries(${target} ${scope} lockgate_${dep})
    else()
      target_link_libraries(${target} ${scope} ${dep})
    endif()
  endforeach()
endfunction()

# Sanitizers stop at the first finding and say where. Given here, so that plain ctest does as CI does.
set(LOCKGATE_SANITIZER_ENV
  "ASAN_OPTIONS=string_append::strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1:allocator_may_return_null=1"
  "UBSAN_OPTIONS=string_append::print_stacktrace=1"
  "TSAN_OPTIONS=string_append::suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:second_deadlock_stack=1")

# lockgate_test(NAME SOURCES … LINK … [LABELS …] [TIMEOUT seconds] [ARGS …])
#   A test program over tests/test.h; ctest runs it as NAME (mirror the tree: base_wire). TIMEOUT is given here and not as a
#   property afterwards: the test knows it, and says where each of its threads stands shortly before.
function(lockgate_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS;ARGS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(LOCKGATE_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  math(EXPR limit "${ARG_TIMEOUT} - 8")
  add_executable(test_${name} ${ARG_SOURCES})
  target_link_libraries(test_${name} PRIVATE lockgate_flags lockgate_testing)
  lockgate_link(test_${name} PRIVATE ${ARG_LINK})
  add_test(NAME ${name} COMMAND test_${name} ${ARG_ARGS})
  # 77: skipped, with the reason printed (missing test data or a missing daemon).
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77
    LABELS "${ARG_LABELS}"
    ENVIRONMENT_MODIFICATION "${LOCKGATE_SANITIZER_ENV};LOCKGATE_TEST_LIMIT_S=set:${limit}")
endfunction()

# lockgate_fuzz(NAME SOURCES fuzz_x.c LINK …)
#   With LOCKGATE_FUZZ a libFuzzer program, which ctest also runs for LOCKGATE_FUZZ_SECONDS (label
#   fuzz-run); otherwise a replayer, so that every build runs the corpus in tests/fuzz/corpus/NAME/
#   (ctest: fuzz_NAME_replay). A crash is left in build/fuzz/found/.
set(LOCKGATE_FUZZ_SECONDS 20 CACHE STRING "How long ctest runs each fuzz target")
add_custom_target(fuzz_all)
function(lockgate_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  set(corpus "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}")
  if(LOCKGATE_FUZZ)
    add_executable(fuzz_${name} ${ARG_SOURCES})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${ARG_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c")
  endif()
  target_link_libraries(fuzz_${name} PRIVATE lockgate_flags)
  lockgate_link(fuzz_${name} PRIVATE ${ARG_LINK})
  add_dependencies(fuzz_all fuzz_${name})
  if(LOCKGATE_FUZZ)
    add_test(NAME fuzz_${name}_replay COMMAND fuzz_${name} -runs=0 "${corpus}")
    set(found "${CMAKE_BINARY_DIR}/found/${name}")
    set(grown "${CMAKE_BINARY_DIR}/grown/${name}")
    file(MAKE_DIRECTORY "${found}" "${grown}")
    add_test(NAME fuzz_${name}_run COMMAND fuzz_${name} -max_total_time=${LOCKGATE_FUZZ_SECONDS}
      -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=${found}/" "${grown}" "${corpus}")
    math(EXPR timeout "${LOCKGATE_FUZZ_SECONDS} + 60")
    set_tests_properties(fuzz_${name}_run PROPERTIES TIMEOUT ${timeout} LABELS fuzz-run
      ENVIRONMENT_MODIFICATION "${LOCKGATE_SANITIZER_ENV}")
  else()
    add_test(NAME fuzz_${name}_replay COMMAND fuzz_${name} "${corpus}")
  endif()
  set_tests_properties(fuzz_${name}_replay PROPERTIES TIMEOUT 120 LABELS fuzz
    ENVIRONMENT_MODIFICATION "${LOCKGATE_SANITIZER_ENV}")
endfunction()
