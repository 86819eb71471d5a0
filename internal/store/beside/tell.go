package beside

import "io/fs"

// Kind says what is at a path, as a person reads it.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return mode.Type().String()
}

// Bare takes the path off an error that will name it anyway. What wraps such an
// error stays: it says more.
func Bare(err error) error {
	if failure, ok := err.(*fs.PathError); ok { //nolint:errorlint // a wrapped one is not all of err
		return failure.Err
	}
	return err
}
