# SPDX-License-Identifier: Apache-2.0
# Compiler settings shared by our own targets: link plimsoll::options.
add_library(plimsoll_options INTERFACE)
add_library(plimsoll::options ALIAS plimsoll_options)
target_include_directories(plimsoll_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(plimsoll_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wconversion
                       -Wno-sign-conversion -Wno-missing-field-initializers)
target_compile_definitions(plimsoll_options INTERFACE PLIMSOLL_VERSION="${PROJECT_VERSION}")
if(PLIMSOLL_SANITIZE)
  add_compile_options(-fsanitize=${PLIMSOLL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${PLIMSOLL_SANITIZE})
endif()
# plimsoll-oci is static for its start-up time; sanitizers need a dynamic executable.
set(PLIMSOLL_STATIC ON)
if(PLIMSOLL_SANITIZE)
  set(PLIMSOLL_STATIC OFF)
endif()

# plimsoll_library(NAME SOURCES ... LINKS ... PRIVATE_LINKS ...): a static library with its alias
# plimsoll::NAME. One call per folder or part of it.
function(plimsoll_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS;PRIVATE_LINKS")
  add_library(plimsoll_${name} STATIC ${arg_SOURCES})
  add_library(plimsoll::${name} ALIAS plimsoll_${name})
  target_link_libraries(plimsoll_${name} PUBLIC plimsoll::options ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
endfunction()

# plimsoll_as_installed(NAME): the executable is copied once more when it is linked. A linker writes its output in small
# pieces, and the page cache then holds it in single pages: until it is read from disk again every start of it costs up
# to a twelfth more than that of the same file as it is installed.
function(plimsoll_as_installed name)
  add_custom_command(TARGET ${name} POST_BUILD VERBATIM
    COMMAND cp $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.copy
    COMMAND mv $<TARGET_FILE:${name}>.copy $<TARGET_FILE:${name}>)
endfunction()
