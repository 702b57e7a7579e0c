# SPDX-License-Identifier: Apache-2.0
# Everything comes from Debian packages (scripts/install-dependencies); nothing is downloaded here.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)
if(PLIMSOLL_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# libnl for plimsoll-oci and for plimsoll: by archive, so that the runtime's start-up loads nothing.
# The libraries call pthread functions only, which glibc has.
find_library(PLIMSOLL_NL3_ARCHIVE libnl-3.a REQUIRED)
find_library(PLIMSOLL_NL_ROUTE3_ARCHIVE libnl-route-3.a REQUIRED)
find_path(PLIMSOLL_NL3_INCLUDE netlink/netlink.h PATH_SUFFIXES libnl3 REQUIRED)
add_library(plimsoll_netlink INTERFACE)
add_library(plimsoll::netlink ALIAS plimsoll_netlink)
target_include_directories(plimsoll_netlink SYSTEM INTERFACE ${PLIMSOLL_NL3_INCLUDE})
target_link_libraries(plimsoll_netlink INTERFACE ${PLIMSOLL_NL_ROUTE3_ARCHIVE} ${PLIMSOLL_NL3_ARCHIVE} Threads::Threads m)
