#include "gateway/good_certificates.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/certificate.h"

namespace insula::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GoodCertificatesTest : public ::testing::Test {
 protected:
  static CertificateConfig certificate(const std::string& name) {
    const auto made = testing::make_certificate({});
    return {.name = name, .hosts = {name + ".test"}, .chain = made.pem, .key = made.key};
  }

  void expect_refused(int count) {
    EXPECT_THAT(registry_.expose(),
                HasSubstr("insula_gateway_certificates_refused " + std::to_string(count) + "\n"));
  }

  std::vector<CertificateConfig> settled(std::vector<CertificateConfig> certificates) {
    good_.settle(certificates);
    return certificates;
  }

  CertificateConfig last_ = certificate("a");
  MetricsRegistry registry_;
  GoodCertificates good_{{last_}, registry_, {}};
};

TEST_F(GoodCertificatesTest, TheLastGoodOneHoldsWhileThePresentOneIsWrong) {
  CertificateConfig wrong = last_;
  wrong.chain = "no certificate";
  wrong.hosts = {"other.test"};
  CertificateConfig kept = last_;
  kept.hosts = wrong.hosts;
  EXPECT_THAT(settled({wrong}), ElementsAre(kept));
  expect_refused(1);
  EXPECT_THAT(settled({wrong}), ElementsAre(kept));
  expect_refused(1);
  const CertificateConfig renewed = certificate("a");
  EXPECT_THAT(settled({renewed}), ElementsAre(renewed));
  expect_refused(0);
  CertificateConfig without_key = renewed;
  without_key.key.clear();
  EXPECT_THAT(settled({without_key}), ElementsAre(renewed));
  expect_refused(1);
  EXPECT_THAT(settled({last_}), ElementsAre(last_));
  expect_refused(0);
}

TEST_F(GoodCertificatesTest, OneThatNeverWasGoodIsLeftOut) {
  const CertificateConfig empty{.name = "b", .hosts = {"b.test"}, .chain = {}, .key = {}};
  EXPECT_THAT(settled({last_, empty}), ElementsAre(last_));
  expect_refused(1);
}

TEST_F(GoodCertificatesTest, WhatIsNotNamedAnyMoreIsForgotten) {
  EXPECT_THAT(settled({}), IsEmpty());
  CertificateConfig wrong = last_;
  wrong.key.clear();
  EXPECT_THAT(settled({wrong}), IsEmpty());
}

TEST_F(GoodCertificatesTest, OneSecretMayBeNamedForSeveralHosts) {
  CertificateConfig more = last_;
  more.hosts = {"more.test"};
  EXPECT_THAT(settled({last_, more}), ElementsAre(last_, more));
}

}  // namespace
}  // namespace insula::gateway
