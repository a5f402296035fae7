#include "api/time.h"

#include <gtest/gtest.h>

namespace insula::api {
namespace {

TEST(Time, ReadsRfc3339WithAnyOffset) {
  EXPECT_EQ(Time::parse("1970-01-01T00:00:01Z").value().seconds, 1);
  EXPECT_EQ(Time::parse("2026-11-23T20:36:33Z").value().text(), "2026-11-23T20:36:33Z");
  EXPECT_EQ(Time::parse("2026-11-23T22:36:33.999+02:00").value().text(), "2026-11-23T20:36:33Z");
  EXPECT_EQ(Time::parse("1969-12-31T23:59:59.5Z").value().seconds, -1);
  EXPECT_EQ(Time::parse("0001-01-01T00:00:00Z").value().text(), "0001-01-01T00:00:00Z");
}

TEST(Time, RefusesOtherTexts) {
  for (const char* text :
       {"", "2026-11-23", "2026-11-23 20:36:33Z", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z", "2026-11-23T20:36:33", "2026-11-23T20:36:33.Z",
        "2026-11-23T20:36:33Zx", "2026-11-23T20:36:33+2:00"}) {
    EXPECT_FALSE(Time::parse(text).has_value()) << text;
  }
}

TEST(MicroTime, KeepsSixDigits) {
  EXPECT_EQ(MicroTime::parse("2026-11-23T20:36:33.1234567Z").value().text(),
            "2026-11-23T20:36:33.123456Z");
  EXPECT_EQ(MicroTime::parse("1969-12-31T23:59:59.5Z").value().text(),
            "1969-12-31T23:59:59.500000Z");
  EXPECT_EQ(MicroTime::parse("2026-11-23T20:36:33Z").value().text(), "2026-11-23T20:36:33.000000Z");
}

}  // namespace
}  // namespace insula::api
