package store

// Writable reports, by its error, whether a path is a folder, or can be one. Whether
// this user can make files in it is only found out by making one.
func Writable(dir string) error {
	_, err := existingFolder(dir)
	return err
}
