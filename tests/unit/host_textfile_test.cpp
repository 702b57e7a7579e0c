// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"
