#include "base/error.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace insula {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(ErrorCode::kInvalid, "odd");
  return value / 2;
}

Result<int> quarter(int value) {
  INSULA_TRY(const int h, half(value));
  return half(h);
}

TEST(Result, TryPassesValuesOnAndReturnsTheFirstError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message(), "odd");
}

TEST(Error, EveryCodeSurvivesTheWayThroughItsHttpStatus) {
  for (const auto code :
       {ErrorCode::kBadRequest, ErrorCode::kUnauthenticated, ErrorCode::kForbidden,
        ErrorCode::kNotFound, ErrorCode::kConflict, ErrorCode::kExpired, ErrorCode::kInvalid,
        ErrorCode::kTooManyRequests, ErrorCode::kInternal, ErrorCode::kUnavailable}) {
    EXPECT_EQ(error_code_of_status(http_status(code)), code);
  }
}

TEST(Error, BlamesTheClientFor4xxAndUsFor5xx) {
  EXPECT_EQ(Error(ErrorCode::kNotFound, "x").origin(), ErrorOrigin::kClient);
  EXPECT_EQ(Error(ErrorCode::kInternal, "x").origin(), ErrorOrigin::kSelf);
}

TEST(Error, ErrnoNamesWhatWasTriedAndTellsAFullDiskApart) {
  const Error full = fail_errno("write /data/x", ENOSPC).error();
  EXPECT_EQ(full.code(), ErrorCode::kInsufficientStorage);
  EXPECT_EQ(full.message(), "write /data/x: No space left on device");
}

TEST(Error, ConcernsWhatWasAskedForUnlessItSaysOtherwise) {
  const Error plain(ErrorCode::kNotFound, "no such thing");
  EXPECT_EQ(plain.subject(), nullptr);
  const Error error = Error(plain).about({.kind = "namespaces", .group = "", .name = "a"});
  const Error copy = error;
  ASSERT_NE(copy.subject(), nullptr);
  EXPECT_EQ(copy.subject()->name, "a");
}

}  // namespace
}  // namespace insula
