#include "core/base/status.h"

#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

TEST(StatusTest, EveryCodeOfTheAbiComesBack) {
  for (kl_code code = KL_OK; code <= KL_INTERNAL; code++) {
    EXPECT_EQ(CodeFromStatus(StatusFromCode(code, "message")), code);
  }
}

TEST(StatusTest, UnknownCodesAreInternalErrors) {
  EXPECT_EQ(StatusFromCode(1234, "x").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(CodeFromStatus(absl::UnknownError("x")), KL_INTERNAL);
}

TEST(StatusTest, PluginErrorGetsItsContextInFront) {
  kl_error error = EmptyError();
  std::strcpy(error.message, "no such layout");
  const absl::Status status = StatusFromError(KL_UNSUPPORTED, error, "plugin xnnpack");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(), "plugin xnnpack: no such layout");
}

TEST(StatusTest, UnterminatedPluginMessageIsNotReadPastItsEnd) {
  kl_error error = EmptyError();
  std::memset(error.message, 'x', sizeof error.message);
  const absl::Status status = StatusFromError(KL_INTERNAL, error, "p");
  EXPECT_EQ(status.message().size(), sizeof error.message + 3);
}

TEST(StatusTest, FillErrorCutsLongMessagesAndTerminatesThem) {
  kl_error error = EmptyError();
  EXPECT_EQ(FillError(absl::NotFoundError(std::string(1000, 'x')), &error), KL_NOT_FOUND);
  EXPECT_EQ(error.code, KL_NOT_FOUND);
  EXPECT_EQ(std::strlen(error.message), sizeof error.message - 1);
  EXPECT_EQ(FillError(absl::OkStatus(), nullptr), KL_OK);
}

TEST(StatusTest, FillErrorCutsBetweenCharacters) {
  kl_error error = EmptyError();
  std::string message(sizeof error.message - 3, 'x');  // room for two bytes more: the euro sign has three
  FillError(absl::NotFoundError(message + "\xE2\x82\xAC and more"), &error);
  EXPECT_EQ(error.message, message);
}

TEST(StatusTest, FillErrorLeavesAStructThatItsCallerKnowsAsShorter) {
  kl_error error = EmptyError();
  error.struct_size = 4;
  std::strcpy(error.message, "untouched");
  EXPECT_EQ(FillError(absl::NotFoundError("x"), &error), KL_NOT_FOUND);
  EXPECT_STREQ(error.message, "untouched");
}

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  KL_ASSIGN_OR_RETURN(const int half, Half(value));
  KL_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(StatusTest, AssignOrReturnHandsOnValueOrError) {
  EXPECT_EQ(*Quarter(12), 3);
  EXPECT_EQ(Quarter(6).status().message(), "odd");
}

TEST(StatusTest, AnnotateKeepsTheCode) {
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
  EXPECT_EQ(Annotate(absl::DataLossError("cut"), "a.gguf"), absl::DataLossError("a.gguf: cut"));
}

}  // namespace
}  // namespace kinglet
