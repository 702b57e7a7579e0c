// SPDX-License-Identifier: Apache-2.0
// OpenSSL by pointers: this program is linked without it.
#include "exporter/http/openssl.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <thread>
#include <vector>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

bool is_mapped() { return read_file("/proc/self/maps").value_or("").find("libssl.so") != std::string::npos; }

TEST(OpenSsl, ComesWhenItIsCalledFromSeveralThreadsToo) {
  if (is_mapped()) GTEST_SKIP() << "needs an architecture on which OpenSSL is loaded late";
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
      ASSERT_NE(context, nullptr);
      EXPECT_EQ(SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("abc"), 3), 1);
      SSL_CTX_free(context);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(is_mapped());
}

TEST(OpenSsl, HasEveryFunctionOfTheList) {
  const auto loaded = load_openssl();
  EXPECT_TRUE(loaded) << loaded.error().message();
  EXPECT_TRUE(load_openssl()) << "twice is fine";
}

// Seven arguments: one is on the stack. RFC 4231, test case 2.
TEST(OpenSsl, PassesEveryArgumentOn) {
  const std::string_view text = "what do ya want for nothing?";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ASSERT_NE(
      HMAC(EVP_sha256(), "Jefe", 4, reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size),
      nullptr);
  ASSERT_EQ(size, 32u);
  EXPECT_EQ(digest[0], 0x5b);
  EXPECT_EQ(digest[31], 0x43);
}

}  // namespace
}  // namespace plimsoll::exporter
