# SPDX-License-Identifier: Apache-2.0
# Before cpack packs: directories get their usual mode, whatever the umask was.
execute_process(COMMAND find ${CPACK_TEMPORARY_DIRECTORY} -type d -exec chmod 755 {} + COMMAND_ERROR_IS_FATAL ANY)
