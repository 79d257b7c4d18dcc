# Flags are attached to one interface target; every target of ours links it.
add_library(lockgate_flags INTERFACE)
target_include_directories(lockgate_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(lockgate_flags INTERFACE _GNU_SOURCE LOCKGATE_VERSION="${PROJECT_VERSION}")
target_compile_options(lockgate_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wundef -Wvla -Wnull-dereference
  -Wimplicit-fallthrough)
if(LOCKGATE_WERROR)
  target_compile_options(lockgate_flags INTERFACE -Werror)
endif()

# Asserts stay in every build: they are for our bugs, and a bug at a door must stop.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

set(LOCKGATE_SANITIZE "" CACHE STRING "Sanitizers for all our targets, as for -fsanitize=")
if(LOCKGATE_SANITIZE)
  target_compile_options(lockgate_flags INTERFACE
    -fsanitize=${LOCKGATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(lockgate_flags INTERFACE -fsanitize=${LOCKGATE_SANITIZE})
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(lockgate_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
    -fstack-protector-strong -fPIE)
  target_link_options(lockgate_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
option(LOCKGATE_COVERAGE "Instrument for gcov" OFF)
if(LOCKGATE_COVERAGE)
  target_compile_options(lockgate_flags INTERFACE --coverage -O0)
  target_link_options(lockgate_flags INTERFACE --coverage)
endif()
if(LOCKGATE_FUZZ)
  target_compile_options(lockgate_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
