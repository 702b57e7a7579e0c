# SPDX-License-Identifier: Apache-2.0
# Run by cpack when all files are in their places, stripped, and nothing is packed yet.
if(CPACK_GENERATOR STREQUAL "DEB")
  list(GET CPACK_INSTALL_CMAKE_PROJECTS 0 build)
  execute_process(COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/bill-of-materials.py ${build} ${CPACK_TEMPORARY_INSTALL_DIRECTORY}
                  COMMAND_ERROR_IS_FATAL ANY)
endif()
