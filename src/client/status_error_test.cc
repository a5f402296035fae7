#include "client/status_error.h"

#include <gtest/gtest.h>

namespace insula::client {
namespace {

struct Case {
  int http_status;
  const char* reason;
  ErrorCode code;
};

TEST(StatusError, TellsTheConflictsApartByTheirReason) {
  const Case cases[] = {{409, "AlreadyExists", ErrorCode::kAlreadyExists},
                        {409, "Conflict", ErrorCode::kConflict},
                        {410, "Expired", ErrorCode::kExpired},
                        {410, "Gone", ErrorCode::kExpired},
                        {404, "NotFound", ErrorCode::kNotFound},
                        {403, "Forbidden", ErrorCode::kForbidden},
                        {422, "Invalid", ErrorCode::kInvalid}};
  for (const Case& one : cases) {
    const std::string body =
        std::string(R"({"kind":"Status","message":"m","reason":")") + one.reason + R"("})";
    const Error error = error_of_answer(one.http_status, body);
    EXPECT_EQ(error.code(), one.code) << one.reason;
    EXPECT_EQ(error.message(), "m");
  }
}

TEST(StatusError, KeepsTheCauses) {
  const Error error = error_of_answer(
      422, R"({"kind":"Status","code":422,"reason":"Invalid","message":"bad","details":{"causes":[
            {"field":"spec.replicas","reason":"FieldValueInvalid","message":"must be 0 or more"}]}})");
  ASSERT_EQ(error.causes().size(), 1U);
  EXPECT_EQ(error.causes()[0],
            (FieldCause{"spec.replicas", "FieldValueInvalid", "must be 0 or more"}));
}

TEST(StatusError, QuotesAnAnswerThatIsNoStatus) {
  const Error error = error_of_answer(502, "<html>bad gateway</html>");
  EXPECT_EQ(error.message(), "the server answered 502: <html>bad gateway</html>");
}

TEST(StatusError, SaysThatABusyServerMayBeAskedAgain) {
  EXPECT_EQ(error_of_answer(503, R"({"kind":"Status","message":"m"})").retry(), Retry::kSafe);
  EXPECT_EQ(error_of_answer(400, R"({"kind":"Status","message":"m"})").retry(), Retry::kNever);
}

TEST(StatusError, TellsThatTheObjectThatWasMeantHasGone) {
  const auto refused = [](const char* field) {
    return Error(ErrorCode::kInvalid, "bad").with_causes({{field, "FieldValueInvalid", "bad"}});
  };
  EXPECT_TRUE(has_gone(refused("metadata.uid")));
  EXPECT_FALSE(has_gone(refused("status.phase")));
  EXPECT_TRUE(has_gone(Error(ErrorCode::kNotFound, "none")));
  EXPECT_TRUE(has_gone(Error(ErrorCode::kConflict, "other")));
  EXPECT_FALSE(has_gone(Error(ErrorCode::kUnavailable, "later")));
}

}  // namespace
}  // namespace insula::client
