#include "controllers/tokens/controller.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/testing/harness.h"

namespace insula::controllers {
namespace {

using ::testing::IsEmpty;

class TokenSecretControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.add_namespace("a");
    secrets_.start();
    accounts_.start();
    controller_.start();
  }

  static api::ServiceAccount account(const std::string& name) {
    api::ServiceAccount made;
    made.metadata.name = name;
    made.metadata.namespace_ = "a";
    return made;
  }

  static api::Secret secret(const std::string& type = kTokenSecretType) {
    api::Secret made;
    made.metadata.name = "s";
    made.metadata.namespace_ = "a";
    made.metadata.annotations[kAccountNameAnnotation] = "bot";
    made.type = type;
    return made;
  }

  controller::testing::Harness world_;
  controller::Informer<api::Secret> secrets_{world_.api};
  controller::Informer<api::ServiceAccount> accounts_{world_.api};
  TokenSecretController controller_{
      world_.api,
      world_.runtime,
      {secrets_, accounts_},
      "CA",
      [](const api::ServiceAccount& of, const api::Secret& in) -> Result<std::string> {
        return of.metadata.uid + "/" + in.metadata.uid;
      }};
};

TEST_F(TokenSecretControllerTest, FillsSecretsThatAskForAToken) {
  const auto bot = world_.create(account("bot"));
  const auto made = world_.create(secret());
  world_.settle();
  const auto filled = *world_.get<api::Secret>("a", "s");
  EXPECT_EQ(filled.data.at("token"), bot.metadata.uid + "/" + made.metadata.uid);
  EXPECT_EQ(filled.data.at("ca.crt"), "CA");
  EXPECT_EQ(filled.data.at("namespace"), "a");
  EXPECT_EQ(filled.metadata.annotations.at(kAccountUidAnnotation), bot.metadata.uid);
}

TEST_F(TokenSecretControllerTest, LeavesOtherSecretsAlone) {
  world_.create(account("bot"));
  world_.create(secret("Opaque"));
  world_.settle();
  EXPECT_THAT(world_.get<api::Secret>("a", "s")->data, IsEmpty());
}

TEST_F(TokenSecretControllerTest, DeletesThoseWhoseAccountIsGone) {
  world_.create(account("bot"));
  world_.create(secret());
  world_.settle();
  ASSERT_TRUE(world_.remove<api::ServiceAccount>("a", "bot"));
  world_.settle();
  EXPECT_FALSE(world_.get<api::Secret>("a", "s"));
}

TEST_F(TokenSecretControllerTest, DeletesThoseOfAnEarlierAccountOfTheName) {
  world_.create(account("bot"));
  api::Secret other = secret();
  other.metadata.annotations[kAccountUidAnnotation] = "another";
  world_.create(other);
  world_.settle();
  EXPECT_FALSE(world_.get<api::Secret>("a", "s"));
}

}  // namespace
}  // namespace insula::controllers
