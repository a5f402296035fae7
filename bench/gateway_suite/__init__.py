"""What bench/gateway.py is made of: processes, peers, loads, scenarios, and the chart."""
