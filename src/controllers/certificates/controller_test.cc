#include "controllers/certificates/controller.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/certificates.h"
#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using api::CertificateSigningRequest;

class CertificateSignerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    requests_.start();
    controller_.start();
  }

  CertificateSigningRequest make(const std::string& name,
                                 const char* condition,
                                 const char* signer = api::kClientSigner) {
    CertificateSigningRequest request;
    request.metadata.name = name;
    request.spec.signer_name = signer;
    request.spec.request = name;
    request = world_.create(request);
    if (condition != nullptr) {
      auto& added = request.status.conditions.emplace_back();
      added.type = condition;
      added.status = "True";
      request = world_.update_status(request);
    }
    world_.settle();
    return *world_.get<CertificateSigningRequest>("", name);
  }

  controller::testing::Harness world_;
  controller::Informer<CertificateSigningRequest> requests_{world_.api};
  CertificateSigner controller_{
      world_.api, world_.runtime, requests_,
      [](const api::CertificateSigningRequestSpec& spec) -> Result<std::string> {
        if (spec.request == "bad") return fail(ErrorCode::kInvalid, "never");
        return "certificate of " + spec.request;
      }};
};

TEST_F(CertificateSignerTest, SignsWhatIsApproved) {
  EXPECT_EQ(make("a", api::kCertificateApproved).status.certificate, "certificate of a");
}

TEST_F(CertificateSignerTest, SignsNothingElse) {
  EXPECT_EQ(make("pending", nullptr).status.certificate, "");
  EXPECT_EQ(make("denied", api::kCertificateDenied).status.certificate, "");
  EXPECT_EQ(make("failed", api::kCertificateFailed).status.certificate, "");
  EXPECT_EQ(make("other", api::kCertificateApproved, "example.com/other").status.certificate, "");
}

TEST_F(CertificateSignerTest, SaysWhatItNeverSigns) {
  const CertificateSigningRequest refused = make("bad", api::kCertificateApproved);
  EXPECT_EQ(refused.status.certificate, "");
  ASSERT_EQ(refused.status.conditions.size(), 2U);
  EXPECT_EQ(refused.status.conditions[1].type, api::kCertificateFailed);
  EXPECT_EQ(refused.status.conditions[1].message, "never");
}

TEST_F(CertificateSignerTest, ForgetsRequestsThatAreOld) {
  make("issued", api::kCertificateApproved);
  make("pending", nullptr);
  world_.advance(kDecidedRequestLifetime);
  world_.settle();
  EXPECT_FALSE(world_.get<CertificateSigningRequest>("", "issued"));
  EXPECT_TRUE(world_.get<CertificateSigningRequest>("", "pending"));
  world_.advance(kPendingRequestLifetime);
  world_.settle();
  EXPECT_FALSE(world_.get<CertificateSigningRequest>("", "pending"));
}

}  // namespace
}  // namespace insula::controllers
