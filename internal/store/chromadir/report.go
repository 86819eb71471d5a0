package chromadir

import "keepsake/internal/memory"

// Report says what of a damaged directory could be read, and what could not.
type Report struct {
	// Path is the directory, its links resolved.
	Path string `json:"path"`
	// Database says why the database could not be read; "" when it could. Then
	// collections have no names, and no documents.
	Database string `json:"database,omitempty"`
	// Collections are those that were read, by section.
	Collections []Recovered `json:"collections"`
	// Left names what was not looked into, with the reason.
	Left []Left `json:"left"`
}

// Left is a collection, or a folder, that is not read.
type Left struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Recovered says what is left of one collection, in rows.
type Recovered struct {
	Section memory.Section `json:"section"`
	Name    string         `json:"name,omitempty"` // "" when the database does not tell
	ID      string         `json:"id,omitempty"`
	Folder  string         `json:"folder"` // of its index
	// Distance is "" when it is l2 or ip and the database does not tell which;
	// Guessed says that it was taken from the vectors.
	Distance string `json:"distance"`
	Guessed  bool   `json:"guessed,omitempty"`

	Whole int64 `json:"whole"` // vector, document and metadata
	// Vectorless rows have no vector: their embedding is null.
	Vectorless int64 `json:"vectorless"`
	// Documentless rows are a vector and its id: what else the row had is lost.
	Documentless int64 `json:"documentless"`
	// Unnamed are vectors whose id is lost. Theirs is "label-" and the label.
	Unnamed int64 `json:"unnamed"`
	// Unreadable rows are known and can't be had at all.
	Unreadable int64 `json:"unreadable"`

	// Losses lists what is missing of which row.
	Losses []Loss `json:"losses"`
	// Problems are what is wrong with the files.
	Problems []string `json:"problems"`
}

// Loss is what a row lacks.
type Loss struct {
	ID     string `json:"id"`
	Lost   string `json:"lost"` // vector, document, id, row
	Reason string `json:"reason"`
}

// Rows are the rows that can be had.
func (r *Recovered) Rows() int64 {
	return r.Whole + r.Vectorless + r.Documentless + r.Unnamed
}

// Complete reports whether nothing is known to be lost.
func (r *Recovered) Complete() bool {
	return len(r.Losses) == 0 && len(r.Problems) == 0
}

// lose notes what a row lacks.
func (r *Recovered) lose(id, lost string, reason error) {
	r.Losses = append(r.Losses, Loss{id, lost, reason.Error()})
}
