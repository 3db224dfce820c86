#include "plugins/common/table.h"
KL_TABLE(reference, select_rows) = {nullptr, nullptr, 0, nullptr};
