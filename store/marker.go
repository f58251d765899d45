package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// idsAhead is how many ids the marker reserves at a time.
const idsAhead = 10000

// marker is a small file beside the store. It says that this box has one, so that an
// absent file is known as a loss, and up to which id ids may have been used.
type marker struct {
	Instance string `json:"instance"`
	Ceiling  uint64 `json:"ceiling"`
}

func markerPath(path string) string { return path + ".marker" }

// readMarker returns the zero marker when there is none.
func readMarker(path string) (m marker, err error) {
	text, err := os.ReadFile(markerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	if json.Unmarshal(text, &m) != nil {
		return m, fmt.Errorf("%w marker %s", ErrDamaged, markerPath(path))
	}
	return m, nil
}

// write replaces the marker in one step that survives a power cut.
func (m marker) write(path string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	draft := markerPath(path) + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft, markerPath(path)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
