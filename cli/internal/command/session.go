package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/driftsentry/driftsentry/client"
)

const loginHelp = `Signs in with your email and password, and keeps the session (not the password) in a file that only you can read: driftsentry/sessions.json
in your configuration folder. It has one session for each address. driftsentry logout ends it.`

func (p *program) loginCommand() *cobra.Command {
	var email string
	c := &cobra.Command{
		Use: "login", Short: "Sign in, for list, show, watch and decisions", Long: loginHelp, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			url, err := p.address()
			if err != nil {
				return err
			}
			email, password, err := p.ask(email)
			if err != nil {
				return err
			}
			cl, err := p.client(client.WithPassword(email, password))
			if err != nil {
				return err
			}
			session, err := cl.SignIn(c.Context())
			if err != nil {
				return err //nolint:wrapcheck // It says what it is about.
			}
			if err := keepSession(url, session); err != nil {
				return err
			}
			fmt.Fprintf(p.log, "Signed in to %s as %s.\n", url, email)
			return nil
		},
	}
	c.Flags().StringVar(&email, "email", "", "your email [DRIFTSENTRY_EMAIL]")
	return c
}

func (p *program) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "End the session, and forget it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			url, err := p.address()
			if err != nil {
				return err
			}
			session, err := keptSession(url)
			if err != nil {
				return err
			}
			cl, err := p.client(client.WithSession(session))
			if err != nil {
				return err
			}
			if err := cl.SignOut(c.Context()); err != nil && !client.HasCode(err, client.CodeAuth) {
				return err //nolint:wrapcheck // It says what it is about.
			}
			return keepSession(url, client.Session{})
		},
	}
}

// ask asks for what the environment does not have.
func (p *program) ask(email string) (_, password string, err error) {
	fill(&email, p.getenv("DRIFTSENTRY_EMAIL"))
	password = p.getenv("DRIFTSENTRY_PASSWORD")
	if email != "" && password != "" {
		return email, password, nil
	}
	in, ok := p.in.(*os.File)
	if !ok || !isTerminal(in) {
		return "", "", errors.New("there is no terminal to ask at: set DRIFTSENTRY_EMAIL and DRIFTSENTRY_PASSWORD")
	}
	if email == "" {
		fmt.Fprint(p.log, "Email: ")
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			return "", "", fmt.Errorf("read the email: %w", err)
		}
		email = strings.TrimSpace(line)
	}
	if password == "" {
		fmt.Fprint(p.log, "Password: ")
		raw, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(p.log)
		if err != nil {
			return "", "", fmt.Errorf("read the password: %w", err)
		}
		password = string(raw)
	}
	return email, password, nil
}

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// person is a client that acts as a person: with the password of the environment, or the session of an earlier login.
func (p *program) person() (*client.Client, error) {
	if email, password := p.getenv("DRIFTSENTRY_EMAIL"), p.getenv("DRIFTSENTRY_PASSWORD"); email != "" && password != "" {
		return p.client(client.WithPassword(email, password))
	}
	url, err := p.address()
	if err != nil {
		return nil, err
	}
	session, err := keptSession(url)
	if err != nil {
		return nil, err
	}
	return p.client(client.WithSession(session), client.OnSession(func(s client.Session) {
		if err := keepSession(url, s); err != nil {
			fmt.Fprintln(p.log, "The session could not be kept; sign in again before the next command:", err)
		}
	}))
}

// sessionFile has the sessions by address.
func sessionFile() (string, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for the session: %w", err)
	}
	return filepath.Join(folder, "driftsentry", "sessions.json"), nil
}

func sessions() (map[string]client.Session, error) {
	path, err := sessionFile()
	if err != nil {
		return nil, err
	}
	kept := make(map[string]client.Session)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return kept, nil
}

func keptSession(url string) (client.Session, error) {
	kept, err := sessions()
	if err != nil {
		return client.Session{}, err
	}
	session, ok := kept[url]
	if !ok {
		return session, fmt.Errorf("you are not signed in to %s: driftsentry login", url)
	}
	return session, nil
}

// keepSession replaces the session of an address; an empty one is forgotten. The file is never half written.
func keepSession(url string, s client.Session) (err error) {
	kept, err := sessions()
	if err != nil {
		return err
	}
	if kept[url] = s; s == (client.Session{}) {
		delete(kept, url)
	}
	path, err := sessionFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the session: %w", err)
	}
	raw, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the session: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "sessions-") // Only its owner can read it.
	if err != nil {
		return fmt.Errorf("keep the session: %w", err)
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep the session: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
