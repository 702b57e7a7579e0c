# SPDX-License-Identifier: Apache-2.0
# Everything comes from Debian packages (scripts/install-dependencies); nothing is downloaded here.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(OpenSSL 3 REQUIRED)
pkg_check_modules(snappy REQUIRED IMPORTED_TARGET snappy)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(curl REQUIRED libcurl)  # its headers: the library is loaded when remote write is configured
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
# One shared library more would cost every `plimsoll run` at its start, and plimsoll-oci has none.
find_library(PLIMSOLL_SECCOMP libseccomp.a HINTS ${seccomp_LIBRARY_DIRS})
add_library(plimsoll_libseccomp INTERFACE)
add_library(plimsoll::libseccomp ALIAS plimsoll_libseccomp)
target_include_directories(plimsoll_libseccomp SYSTEM INTERFACE ${seccomp_INCLUDE_DIRS})
target_link_libraries(plimsoll_libseccomp INTERFACE $<IF:$<BOOL:${PLIMSOLL_SECCOMP}>,${PLIMSOLL_SECCOMP},PkgConfig::seccomp>)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(systemd REQUIRED libsystemd)  # its headers: the library is loaded when a collector asks for the bus
if(PLIMSOLL_TESTS)
  find_package(ZLIB REQUIRED)  # reads what ISA-L has compressed, and is measured beside it
  find_package(GTest REQUIRED)
  pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)  # makes databases for tests to read
  include(GoogleTest)
endif()
