# SPDX-License-Identifier: Apache-2.0
# Compiler settings shared by our own targets: link plimsoll::options.
add_library(plimsoll_options INTERFACE)
add_library(plimsoll::options ALIAS plimsoll_options)
target_include_directories(plimsoll_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(plimsoll_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wconversion
                       -Wno-sign-conversion -Wno-missing-field-initializers)
target_compile_definitions(plimsoll_options INTERFACE PLIMSOLL_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # The same sources give the same executables wherever they lie: paths are written as below the source's top. Not in builds
  # for development, whose debugger has to find the files.
  # The last one that fits is taken.
  add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${CMAKE_BINARY_DIR}/=
                      -ffile-prefix-map=${PLIMSOLL_CIVETWEB_SOURCE}/=civetweb/)
  # Functions that nobody calls are left out.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections)
endif()

if(PLIMSOLL_SANITIZE)
  add_compile_options(-fsanitize=${PLIMSOLL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${PLIMSOLL_SANITIZE})
endif()
# plimsoll-oci is static for its start-up time; sanitizers need a dynamic executable.
set(PLIMSOLL_STATIC ON)
if(PLIMSOLL_SANITIZE)
  set(PLIMSOLL_STATIC OFF)
endif()

# Standard headers parsed once instead of in each file; half of what a build takes. Not with ccache, which seldom finds
# anything again then, and not by default: a file that lacks an #include must be found out.
option(PLIMSOLL_PCH "Precompile standard headers" OFF)
if(PLIMSOLL_PCH)
  target_compile_definitions(plimsoll_options INTERFACE _REENTRANT)  # as -pthread does, which some targets have
endif()

# plimsoll_precompiled(NAME EXECUTABLE|LIBRARY HEADER...): what plimsoll_use_precompiled takes for executables or libraries
# with the options of this directory.
function(plimsoll_precompiled name kind)
  if(PLIMSOLL_PCH)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "int main() {}\n")
    if(kind STREQUAL "EXECUTABLE")
      add_executable(${name} ${source})
    else()
      add_library(${name} OBJECT ${source})
    endif()
    target_link_libraries(${name} PRIVATE plimsoll::options)
    target_precompile_headers(${name} PRIVATE <algorithm> <array> <cerrno> <chrono> <cstdint> <cstring> <functional> <map>
                              <memory> <optional> <set> <span> <string> <string_view> <utility> <variant> <vector> ${ARGN})
  endif()
endfunction()

function(plimsoll_use_precompiled target name)
  if(PLIMSOLL_PCH)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()
plimsoll_precompiled(plimsoll_standard_headers LIBRARY)
set(plimsoll_headers plimsoll_standard_headers)

# plimsoll_library(NAME SOURCES ... LINKS ... PRIVATE_LINKS ...): a static library with its alias
# plimsoll::NAME. One call per folder or part of it.
function(plimsoll_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS;PRIVATE_LINKS")
  add_library(plimsoll_${name} STATIC ${arg_SOURCES})
  add_library(plimsoll::${name} ALIAS plimsoll_${name})
  target_link_libraries(plimsoll_${name} PUBLIC plimsoll::options ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
  plimsoll_use_precompiled(plimsoll_${name} ${plimsoll_headers})
endfunction()

# plimsoll_record_link(TARGET): the linker lists the files that it read in TARGET.link.d; the bill of materials
# (cmake/packaging/pack) is made from it.
include(CheckLinkerFlag)
check_linker_flag(CXX "-Wl,--dependency-file=${CMAKE_BINARY_DIR}/CMakeFiles/check.link.d" PLIMSOLL_LINKER_LISTS)
function(plimsoll_record_link target)
  if(PLIMSOLL_LINKER_LISTS)
    target_link_options(${target} PRIVATE -Wl,--dependency-file=${CMAKE_CURRENT_BINARY_DIR}/${target}.link.d)
  endif()
endfunction()

# plimsoll_as_installed(NAME): the executable is copied once more when it is linked. A linker writes its output in small
# pieces, and the page cache then holds it in single pages: until it is read from disk again every start of it costs up
# to a twelfth more than that of the same file as it is installed.
function(plimsoll_as_installed name)
  add_custom_command(TARGET ${name} POST_BUILD VERBATIM
    COMMAND cp $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.copy
    COMMAND mv $<TARGET_FILE:${name}>.copy $<TARGET_FILE:${name}>)
endfunction()
