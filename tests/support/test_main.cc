#include "gmock/gmock.h"
#include "tests/support/testdata.h"

int main(int argc, char** argv) {
  kinglet::TakeTestDataFlag(&argc, argv);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
