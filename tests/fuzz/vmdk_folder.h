/* The files that VMDK descriptors of the fuzz targets name: an extent of each type, and the parent of snapshots. */
#ifndef REHOST_TESTS_FUZZ_VMDK_FOLDER_H
#define REHOST_TESTS_FUZZ_VMDK_FOLDER_H

#include "tests/fuzz/parent_folder.h"

static inline void vmdk_folder_make(struct folder *folder)
{
	static const char base[] = "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\n"
				   "createType=\"vmfs\"\nRW 6 VMFS \"flat.vmdk\" 0\n";

	parent_folder_add(folder, "base.vmdk", base, sizeof base - 1);
	parent_folder_add_raw(folder, "flat.vmdk");
	parent_folder_add_seed(folder, "sparse.vmdk", "tests/fuzz/corpus/fuzz_vmdk/sparse");
	parent_folder_add_seed(folder, "stream.vmdk", "tests/fuzz/corpus/fuzz_vmdk/stream-footer");
	parent_folder_add_seed(folder, "cowd.vmdk", "tests/fuzz/corpus/fuzz_vmdk_esx/cowd");
	parent_folder_add_seed(folder, "sesparse.vmdk", "tests/fuzz/corpus/fuzz_vmdk_esx/sesparse");
}

#endif
