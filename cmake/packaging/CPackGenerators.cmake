# SPDX-License-Identifier: Apache-2.0
# Read by cpack for each generator.
if(CPACK_PLIMSOLL_TIME AND NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  set(ENV{SOURCE_DATE_EPOCH} ${CPACK_PLIMSOLL_TIME})
endif()
# Debian's package has the files with fixed places, too.
if(CPACK_GENERATOR STREQUAL "DEB")
  list(GET CPACK_INSTALL_CMAKE_PROJECTS 0 build)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS ${build} plimsoll system /)
endif()
