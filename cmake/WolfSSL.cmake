# Defines dep_wolfssl, the one TLS and crypto library. Built here, statically, since Debian's own is
# old and slow; see scripts/build-wolfssl for the options.
#   WOLFSSL_PROVIDER=build   (default) the pinned source, built once into the cache
#   WOLFSSL_PROVIDER=system  the installed library, used only if tests/contract pass with it
#   WOLFSSL_SOURCE=FILE      build this source tarball instead of downloading one
#   LOCKGATE_DEPS_CACHE=DIR  (cache variable or environment) where sources and results are kept
set(WOLFSSL_PROVIDER "build" CACHE STRING "Where wolfSSL comes from: build or system")
set_property(CACHE WOLFSSL_PROVIDER PROPERTY STRINGS build system)
set(WOLFSSL_SOURCE "" CACHE FILEPATH "Source tarball of wolfSSL to build instead of a download")
set(LOCKGATE_DEPS_CACHE "$ENV{LOCKGATE_DEPS_CACHE}" CACHE PATH
  "Folder for built dependencies; empty: ~/.cache/lockgate")

set(wolfssl_scripts "${CMAKE_CURRENT_LIST_DIR}/../scripts")
set(wolfssl_version "")

if(WOLFSSL_PROVIDER STREQUAL "build")
  set(command "${wolfssl_scripts}/build-wolfssl")
  if(LOCKGATE_DEPS_CACHE)
    list(APPEND command --cache "${LOCKGATE_DEPS_CACHE}")
  endif()
  if(WOLFSSL_SOURCE)
    get_filename_component(wolfssl_source "${WOLFSSL_SOURCE}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")
    list(APPEND command --source "${wolfssl_source}")
  endif()
  # Its progress goes to standard error, straight to the terminal; the path is all it prints.
  execute_process(COMMAND ${command} OUTPUT_VARIABLE wolfssl_prefix
    OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE wolfssl_failed)
  if(wolfssl_failed)
    message(FATAL_ERROR "wolfSSL is not there; the lines above say why. "
      "Other ways: -DWOLFSSL_SOURCE=<tarball>, LOCKGATE_DEPS_CACHE=<folder>, -DWOLFSSL_PROVIDER=system")
  endif()
  add_library(dep_wolfssl STATIC IMPORTED GLOBAL)
  set_target_properties(dep_wolfssl PROPERTIES
    IMPORTED_LOCATION "${wolfssl_prefix}/lib/libwolfssl.a"
    INTERFACE_INCLUDE_DIRECTORIES "${wolfssl_prefix}/include"
    INTERFACE_LINK_LIBRARIES "m;Threads::Threads")
  set(wolfssl_judged_by "${wolfssl_prefix}")
  file(STRINGS "${wolfssl_prefix}/include/wolfssl/version.h" wolfssl_version_line
    REGEX "define LIBWOLFSSL_VERSION_STRING")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" wolfssl_version "${wolfssl_version_line}")
elseif(WOLFSSL_PROVIDER STREQUAL "system")
  pkg_check_modules(WOLFSSL_SYSTEM IMPORTED_TARGET wolfssl>=5.9)
  if(NOT WOLFSSL_SYSTEM_FOUND)
    message(FATAL_ERROR "WOLFSSL_PROVIDER=system, but pkg-config finds no wolfssl of version 5.9 or newer; "
      "leave the option out to build the pinned one.")
  endif()
  set(wolfssl_version "${WOLFSSL_SYSTEM_VERSION}")
  add_library(dep_wolfssl INTERFACE IMPORTED GLOBAL)
  set_target_properties(dep_wolfssl PROPERTIES INTERFACE_LINK_LIBRARIES "PkgConfig::WOLFSSL_SYSTEM;m;Threads::Threads")
  set(wolfssl_prefix "${WOLFSSL_SYSTEM_PREFIX}")
  set(wolfssl_judged_by --flags ${WOLFSSL_SYSTEM_CFLAGS} ${WOLFSSL_SYSTEM_LDFLAGS})
else()
  message(FATAL_ERROR "WOLFSSL_PROVIDER is '${WOLFSSL_PROVIDER}'; it can be build or system")
endif()

# Any wolfSSL but the pinned one is judged before it is used; the verdict is kept with its version.
# The pinned one is judged by the same programs as part of ctest.
execute_process(COMMAND "${wolfssl_scripts}/fetch-wolfssl" --pinned OUTPUT_VARIABLE wolfssl_pinned)
if(NOT (WOLFSSL_PROVIDER STREQUAL "build" AND wolfssl_pinned MATCHES "^${wolfssl_version} ")
    AND NOT LOCKGATE_WOLFSSL_JUDGED STREQUAL "${wolfssl_prefix} ${wolfssl_version}")
  message(STATUS "wolfSSL ${wolfssl_version} is not the pinned version; running tests/contract with it")
  execute_process(COMMAND "${wolfssl_scripts}/test-wolfssl" ${wolfssl_judged_by} RESULT_VARIABLE wolfssl_failed)
  if(wolfssl_failed)
    message(FATAL_ERROR "This wolfSSL does not do what Lockgate relies on; see the lines above. "
      "Give the pinned source with -DWOLFSSL_SOURCE=<tarball>.")
  endif()
  set(LOCKGATE_WOLFSSL_JUDGED "${wolfssl_prefix} ${wolfssl_version}" CACHE INTERNAL "passed tests/contract")
endif()
# Every use includes this first: the options that the library was built with.
set_property(TARGET dep_wolfssl APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS
  WOLFSSL_USE_OPTIONS_H)
message(STATUS "wolfSSL ${wolfssl_version} (${WOLFSSL_PROVIDER}): ${wolfssl_prefix}")
