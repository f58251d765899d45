package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const maxSecret = 64 << 10

// secret reads KEY_file, or KEY where it is given inline. given says whether either is.
// A secret in the file itself asks for the file to be private.
func (l *loader) secret(s *section, key string) (text string, given bool) {
	file := s.text(key+"_file", "")
	s.t.used[key] = true
	if s.has(key) {
		text = s.text(key, "")
		if s.has(key + "_file") {
			s.fault(key, "give either %s or %s_file", key, key)
		}
		if l.mode&0o007 != 0 || l.mode&0o020 != 0 {
			s.fault(key, "the file holds a secret and may be read by others: chmod 0640 it, or use %s_file", key)
		}
		return text, true
	}
	if file == "" {
		return "", false
	}
	text, err := l.readSecret(file)
	if err != nil {
		s.fault(key+"_file", "%s", err)
		return "", true
	}
	return text, true
}

// readSecret reads a private file. A relative name is looked for among systemd's
// credentials first.
func (l *loader) readSecret(name string) (string, error) {
	path := name
	if !filepath.IsAbs(name) {
		path = filepath.Join(filepath.Dir(l.path), name)
		if dir := l.credentials; dir != "" {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				path = filepath.Join(dir, name)
			}
		}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s does not exist: make it with modemgate token", name)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%s can't be read by this user", name)
	case err != nil:
		return "", fmt.Errorf("%s can't be read", name)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no file", name)
	case info.Mode()&0o027 != 0:
		return "", fmt.Errorf("%s may be read or changed by others: chmod 0640 it", name)
	case info.Size() > maxSecret:
		return "", fmt.Errorf("%s is too large for a secret", name)
	}
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s belongs to another user: chown it to root or modemgate", name)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s can't be read", name)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return text, nil
}
