// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/curl_library.h"

#include <dlfcn.h>

namespace plimsoll::exporter {
namespace {

template <typename Function>
bool find_function(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

bool find_functions(void* handle, CurlLibrary& library) {
  return find_function(handle, "curl_global_init", library.global_init) &&
         find_function(handle, "curl_easy_init", library.init) &&
         find_function(handle, "curl_easy_cleanup", library.cleanup) &&
         find_function(handle, "curl_easy_setopt", library.setopt) &&
         find_function(handle, "curl_easy_perform", library.perform) &&
         find_function(handle, "curl_easy_getinfo", library.getinfo) &&
         find_function(handle, "curl_easy_strerror", library.strerror) &&
         find_function(handle, "curl_slist_append", library.slist_append) &&
         find_function(handle, "curl_slist_free_all", library.slist_free_all);
}

}  // namespace

Result<CurlLibrary> load_curl() {
  CurlLibrary library;
  void* const handle = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr || !find_functions(handle, library))
    return fail("remote write needs libcurl.so.4, which cannot be loaded; install libcurl4");
  if (library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail("libcurl does not start");
  return library;
}

}  // namespace plimsoll::exporter
