// SPDX-License-Identifier: Apache-2.0
#include "agent/program.h"

int main(int argc, char** argv) { return plimsoll::agent::run_program({argv + 1, argv + argc}); }
