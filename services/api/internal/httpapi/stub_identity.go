package httpapi

import (
	"errors"
	"net/http"
)

func (s *Server) login(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) refresh(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) logout(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) changePassword(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) me(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listUsers(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) createUser(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) updateUser(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listKeys(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) createKey(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) revokeKey(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) recentErrors(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
