// SPDX-License-Identifier: Apache-2.0
// The built stub (stub/stub.cpp) as data. EXEC_STUB is its path.
  .section .rodata
  .globl plimsoll_exec_stub_begin
  .globl plimsoll_exec_stub_end
  .balign 16
plimsoll_exec_stub_begin:
  .incbin EXEC_STUB
plimsoll_exec_stub_end:
  .section .note.GNU-stack,"",%progbits
