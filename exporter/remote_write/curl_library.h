// SPDX-License-Identifier: Apache-2.0
// The functions of libcurl that are used, with the header's types.
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace plimsoll::exporter {

// curl.h makes macros of these, for a type check that goes by the linked functions' names.
#undef curl_easy_setopt
#undef curl_easy_getinfo

struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&curl_easy_setopt) setopt = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_getinfo) getinfo = nullptr;
  decltype(&curl_easy_strerror) strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

// Stays loaded: it has threads of its own, and the TLS library's ends with the process. Call it from one thread at
// a time. Error: what to install.
Result<CurlLibrary> load_curl();

}  // namespace plimsoll::exporter
