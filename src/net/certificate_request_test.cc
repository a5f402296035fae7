#include "net/certificate_request.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace insula::net {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(CertificateRequest, IsReadAsItWasMade) {
  const auto made = make_certificate_request({"ann", {"devs", "insula:tenant:a"}});
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_THAT(made->key, StartsWith("-----BEGIN PRIVATE KEY-----"));
  const auto read = parse_certificate_request(made->request);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->common_name, "ann");
  EXPECT_THAT(read->organizations, ElementsAre("devs", "insula:tenant:a"));
}

TEST(CertificateRequest, MustBeOneBlockOfItsType) {
  const auto why = [](const std::string& pem) {
    return parse_certificate_request(pem).error().message();
  };
  const std::string good = make_certificate_request({"ann", {}})->request;
  EXPECT_EQ(why(""), "PEM block type must be CERTIFICATE REQUEST");
  EXPECT_EQ(why(make_certificate_request({"ann", {}})->key),
            "PEM block type must be CERTIFICATE REQUEST");
  EXPECT_EQ(why(good + good), "PEM block type must be CERTIFICATE REQUEST");
  EXPECT_EQ(why("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
            "the PEM block is no certificate request");
  EXPECT_EQ(why(good + std::string(70'000, 'x')), "the request is too long");
}

TEST(CertificateRequest, MustBeSignedWithItsOwnKey) {
  std::string pem = make_certificate_request({"ann", {}})->request;
  // The last whole group of base64 is within the signature.
  const std::size_t at = pem.find("\n-----END") - 8;
  pem[at] = pem[at] == 'A' ? 'B' : 'A';
  const auto refused = parse_certificate_request(pem);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalid);
}

TEST(CertificateRequest, TakesNoNameThatX509DoesNot) {
  EXPECT_FALSE(make_certificate_request({std::string(65, 'a'), {}}));
  EXPECT_FALSE(make_certificate_request({"ann", {std::string(65, 'g')}}));
}

}  // namespace
}  // namespace insula::net
