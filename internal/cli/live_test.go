package cli_test

import (
	"database/sql"
	"net/http"
	"os"
	"testing"

	_ "modernc.org/sqlite" // as the agent opens its graph

	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// chromaRows is the body of an add or an update, as a client of Chroma sends it.
type chromaRows struct {
	IDs        []string         `json:"ids"`
	Embeddings [][]float32      `json:"embeddings,omitempty"`
	Metadatas  []map[string]any `json:"metadatas,omitempty"`
	Documents  []string         `json:"documents,omitempty"`
}

// at returns the server that a section is on.
func (a *agent) at(section memory.Section) server {
	if section.Subsystem() == memory.KB {
		return a.kb
	}
	return a.mc
}

// collection returns the path of a section's collection on its server.
func (a *agent) collection(section memory.Section) string {
	a.t.Helper()
	s := a.at(section)
	var found struct{ ID string }
	s.Call(a.t, http.MethodGet, chromatest.Collections(s.database)+"/"+collectionNames()[section], nil, &found)
	return chromatest.Collections(s.database) + "/" + found.ID
}

// adds has the agent write new rows.
func (a *agent) adds(section memory.Section, ids ...string) {
	a.t.Helper()
	rows := chromaRows{IDs: ids}
	for i := range ids {
		vector := make([]float32, dimension)
		vector[i%dimension] = 1
		rows.Embeddings = append(rows.Embeddings, vector)
		rows.Metadatas = append(rows.Metadatas, map[string]any{"written": "by the agent"})
		rows.Documents = append(rows.Documents, "the agent's own "+ids[i])
	}
	a.at(section).Call(a.t, http.MethodPost, a.collection(section)+"/add", rows, nil)
}

// updates has the agent change rows that it has.
func (a *agent) updates(section memory.Section, metadata map[string]any, document string, ids ...string) {
	a.t.Helper()
	rows := chromaRows{IDs: ids}
	for range ids {
		rows.Metadatas = append(rows.Metadatas, metadata)
		rows.Documents = append(rows.Documents, document)
	}
	a.at(section).Call(a.t, http.MethodPost, a.collection(section)+"/update", rows, nil)
}

// deletes has the agent remove rows.
func (a *agent) deletes(section memory.Section, ids ...string) {
	a.t.Helper()
	a.at(section).Call(a.t, http.MethodPost, a.collection(section)+"/delete", chromaRows{IDs: ids}, nil)
}

// ids lists the rows of a section on its server.
func (a *agent) ids(section memory.Section) []string {
	a.t.Helper()
	var got chromaRows
	a.at(section).Call(a.t, http.MethodPost, a.collection(section)+"/get", map[string]any{"include": []string{}}, &got)
	return got.IDs
}

// hasCollection reports whether a section's collection exists.
func (a *agent) hasCollection(section memory.Section) bool {
	a.t.Helper()
	s := a.at(section)
	code, _ := s.Try(a.t, http.MethodGet, chromatest.Collections(s.database)+"/"+collectionNames()[section], nil)
	return code == http.StatusOK
}

// renames has the agent, or somebody else, rename a collection, given by its path.
func (a *agent) renames(collection, name string) {
	a.t.Helper()
	a.mc.Call(a.t, http.MethodPut, collection, map[string]string{"new_name": name}, nil)
}

// sql has the agent write to its graph.
func (a *agent) sql(statement string, args ...any) {
	a.t.Helper()
	execute(a.t, a.openGraph(), statement, args...)
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// graphText returns the only value of a query on the graph, "" for NULL and for
// no row.
func (a *agent) graphText(query string, args ...any) string {
	a.t.Helper()
	db := a.openGraph()
	defer db.Close()
	var text sql.NullString
	if err := db.QueryRow(query, args...).Scan(&text); err != nil && err != sql.ErrNoRows {
		a.t.Fatal(err)
	}
	return text.String
}

func (a *agent) openGraph() *sql.DB {
	a.t.Helper()
	return openSQLite(a.t, a.data("sqlite", "memory-core-graph.sqlite"))
}

func openSQLite(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// appends has the agent append to a file of its data folder.
func (a *agent) appends(path, text string) {
	a.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		a.t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
