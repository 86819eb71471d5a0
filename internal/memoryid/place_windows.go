package memoryid

import "io/fs"

// identify returns nothing: Windows tells only of an open file which one it is.
func identify(fs.FileInfo) (device, inode uint64) { return 0, 0 }
