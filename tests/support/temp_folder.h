// A folder for one test's files, removed with all that is in it when the object goes.
#ifndef TESTS_SUPPORT_TEMP_FOLDER_H_
#define TESTS_SUPPORT_TEMP_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace kinglet {

class TempFolder {
 public:
  TempFolder() {
    path_ = testing::TempDir() + "/kinglet.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr)
      ADD_FAILURE() << "cannot create a folder in " << testing::TempDir();
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

  // Writes path()/name, with the folders that lead to it, and returns the file's path.
  std::string Write(const std::string& name, const std::string& contents) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::error_code ignored;
    std::filesystem::create_directories(file.parent_path(), ignored);
    std::ofstream out(file, std::ios::binary);
    out << contents;
    out.close();
    if (!out) ADD_FAILURE() << "cannot write " << file;
    return file.string();
  }

 private:
  std::string path_;
};

}  // namespace kinglet

#endif  // TESTS_SUPPORT_TEMP_FOLDER_H_
