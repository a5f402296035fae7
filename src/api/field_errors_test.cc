#include "api/field_errors.h"

#include <gtest/gtest.h>

namespace insula::api {
namespace {

TEST(FieldErrors, TheAnswerToABadObjectIsBounded) {
  FieldErrors many;
  for (std::size_t i = 0; i < 1000; ++i)
    many.required(FieldPath("spec.list").index(i));
  EXPECT_EQ(many.size(), 1000U);
  const auto causes = std::move(many).take();
  ASSERT_EQ(causes.size(), FieldErrors::kCausesMax + 1);
  EXPECT_EQ(causes.back().message, "and 900 more");

  FieldErrors bulky;
  for (std::size_t i = 0; i < 10; ++i)
    bulky.invalid(FieldPath("a"), std::string(FieldErrors::kTextBytesMax / 2, 'x'), "too long");
  EXPECT_EQ(std::move(bulky).take().size(), 3U);
}

TEST(FieldErrors, AFewAreAllSaid) {
  FieldErrors errors;
  errors.required(FieldPath("a"));
  errors.forbidden(FieldPath("b"), "no");
  const auto causes = std::move(errors).take();
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(causes[1].message, "Forbidden: no");
}

}  // namespace
}  // namespace insula::api
