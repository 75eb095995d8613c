package httpapi

import (
	"errors"
	"net/http"
)

func (s *Server) ingestPlan(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listDrifts(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) createDrift(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) getDrift(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) driftTimeline(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) triageDrift(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) approveDrift(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) rejectDrift(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) resolveDrift(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listWorkspaces(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listAlerts(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) countUnreadAlerts(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) markAllAlertsRead(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) markAlertRead(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) metricsSummary(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) costTrend(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) severityDistribution(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) statusDistribution(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listEvents(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
func (s *Server) listAudit(http.ResponseWriter, *http.Request) error { return errors.New("not built") }
