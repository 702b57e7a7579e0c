# SPDX-License-Identifier: Apache-2.0
# What is installed where, and the Debian package (docs/INSTALL.md). Everything that may lie below any prefix is installed
# by default; component `system` are the files whose places are fixed, which only packages have:
#   DESTDIR=/tmp/root cmake --install build/release --prefix /usr [--component system]
set(PLIMSOLL_PACKAGING ${CMAKE_SOURCE_DIR}/cmake/packaging)
set(PLIMSOLL_MAINTAINER "Plimsoll maintainers <maintainers@plimsoll.invalid>" CACHE STRING
    "Whom the package names: name and mail address")
set(PLIMSOLL_HOMEPAGE "" CACHE STRING "Address that the package gives for more about it")

install(DIRECTORY dashboards/ DESTINATION ${CMAKE_INSTALL_DATADIR}/plimsoll/dashboards
        FILES_MATCHING PATTERN "*.json" PATTERN "*.yaml" PATTERN "rules" EXCLUDE PATTERN "source" EXCLUDE)
install(DIRECTORY dashboards/rules/ DESTINATION ${CMAKE_INSTALL_DATADIR}/plimsoll/rules OPTIONAL
        FILES_MATCHING PATTERN "*.yml" PATTERN "*.md" PATTERN "*_test.yml" EXCLUDE PATTERN "tests" EXCLUDE)
install(FILES README.md docs/CONFIGURATION.md docs/DASHBOARDS.md docs/HOST.md docs/METRICS.md docs/REMOTE_WRITE.md
              docs/RUNBOOK.md docs/RUNTIME.md
              docs/SECURITY.md docs/WEB.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

# system_file(FILE FOLDER [NAME]): of component `system`, readable by all.
function(system_file file folder)
  if(ARGC GREATER 2)
    set(rename RENAME ${ARGV2})
  endif()
  install(FILES ${file} DESTINATION ${folder} ${rename} COMPONENT system EXCLUDE_FROM_ALL)
endfunction()
system_file(${PLIMSOLL_PACKAGING}/plimsoll.yml /etc/plimsoll)
system_file(${PLIMSOLL_PACKAGING}/plimsoll.default /etc/default plimsoll)
system_file(${PLIMSOLL_PACKAGING}/plimsoll.service /lib/systemd/system)
system_file(${PLIMSOLL_PACKAGING}/plimsoll.sysusers /usr/lib/sysusers.d plimsoll.conf)

# Of Debian's package alone.
set(PLIMSOLL_DEB_RELEASE 1)
set(PLIMSOLL_DEB_VERSION ${PROJECT_VERSION}-${PLIMSOLL_DEB_RELEASE})
configure_file(${PLIMSOLL_PACKAGING}/debian/changelog.in debian/changelog @ONLY)
# The time of all that is packed and the date of the manual, unless the environment names another: two builds give the
# same bytes.
set(CPACK_PLIMSOLL_TIME $ENV{SOURCE_DATE_EPOCH})
if(NOT CPACK_PLIMSOLL_TIME)
  execute_process(COMMAND dpkg-parsechangelog -l ${CMAKE_BINARY_DIR}/debian/changelog -S Timestamp
                  OUTPUT_VARIABLE CPACK_PLIMSOLL_TIME OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
execute_process(COMMAND date --utc --date=@${CPACK_PLIMSOLL_TIME} +%Y-%m-%d
                OUTPUT_VARIABLE PLIMSOLL_DATE OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/debian/changelog.Debian.gz
  COMMAND gzip -9nc debian/changelog > debian/changelog.Debian.gz
  DEPENDS ${CMAKE_BINARY_DIR}/debian/changelog WORKING_DIRECTORY ${CMAKE_BINARY_DIR} VERBATIM)
add_custom_target(debian_files ALL DEPENDS ${CMAKE_BINARY_DIR}/debian/changelog.Debian.gz)
system_file(${CMAKE_BINARY_DIR}/debian/changelog.Debian.gz /usr/share/doc/plimsoll)
system_file(${PLIMSOLL_PACKAGING}/debian/copyright /usr/share/doc/plimsoll)
system_file(${PLIMSOLL_PACKAGING}/debian/lintian-overrides /usr/share/lintian/overrides plimsoll)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME plimsoll)
set(CPACK_PACKAGE_CONTACT "${PLIMSOLL_MAINTAINER}")
set(CPACK_PACKAGE_HOMEPAGE_URL "${PLIMSOLL_HOMEPAGE}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "metrics of hosts and containers for Prometheus, and a container runtime")
set(CPACK_PACKAGE_DESCRIPTION_FILE ${PLIMSOLL_PACKAGING}/description.txt)
set(CPACK_STRIP_FILES ON)
set(CPACK_MONOLITHIC_INSTALL ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PLIMSOLL_PACKAGING}/open-directories.cmake ${PLIMSOLL_PACKAGING}/bill-of-materials.cmake)
set(CPACK_PROJECT_CONFIG_FILE ${PLIMSOLL_PACKAGING}/CPackGenerators.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${PLIMSOLL_DEB_RELEASE})
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The user is made by systemd-sysusers.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers")
# Loaded when asked for: TLS and passwords; remote write; the collectors of systemd's bus. Without them the agent says so.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libssl3, libcurl4, libsystemd0")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, grafana")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "")
foreach(script postinst prerm postrm conffiles)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PLIMSOLL_PACKAGING}/debian/${script})
endforeach()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PLIMSOLL_PACKAGING}/description.txt)
include(CPack)
