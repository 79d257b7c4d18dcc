# What we build on. Versions and reasons: docs/architecture.md.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.87)
pkg_check_modules(ARGON2 REQUIRED IMPORTED_TARGET libargon2)
add_library(dep_uv ALIAS PkgConfig::LIBUV)
add_library(dep_curl ALIAS PkgConfig::CURL)
add_library(dep_argon2 ALIAS PkgConfig::ARGON2)
include(WolfSSL) # defines dep_wolfssl
