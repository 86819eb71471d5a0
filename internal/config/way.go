package config

// Way is how the vectors of a Chroma are read.
type Way string

// The ways. WayAuto is over HTTP, and from the directory when no server answers.
const (
	WayHTTP      Way = "http"
	WayDirectory Way = "directory"
	WayAuto      Way = "auto"
)
