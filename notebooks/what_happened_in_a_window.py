# Databricks notebook source
# MAGIC %md
# MAGIC # What happened in a window
# MAGIC Who was in the crossfire, what each customer gets now, why the rest lost, and how full the queues are.

# COMMAND ----------

from ceasefire.pipelines.notebooks import ask, notebook_workspace, show
from ceasefire.pipelines.views import crossfire, losses, newest_window, queues, sends_by_hour
from ceasefire.reports.plots import crossfire_plot, hours_plot, losses_plot, queues_plot

conf = ask(globals(), "conf", "ceasefire-demo/conf", "Brand folder")
root = ask(globals(), "root", "ceasefire-demo", "Folder of the tables")
workspace = notebook_workspace(conf, root)
window = newest_window(workspace.lake)
show(f"Brand {workspace.brand.settings.brand}, window closed {window.isoformat()}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## Crossfire
# MAGIC Left, how many messages each customer would get if every campaign that wants them sent its own; right, what was
# MAGIC decided: one, or silence.

# COMMAND ----------

before_and_after = crossfire(workspace.lake, window)
show(before_and_after)
show(crossfire_plot(before_and_after))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Why candidates lost
# MAGIC A candidate is one campaign on one channel for one customer. Each loser has exactly one reason.

# COMMAND ----------

lost = losses(workspace.lake, window)
show(lost.head(20))
show(losses_plot(lost))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Queues
# MAGIC What was decided for each channel, and what the last check before sending made of it.

# COMMAND ----------

queued = queues(workspace, window)
show(queued)
show(queues_plot(queued))

# COMMAND ----------

hours = sends_by_hour(workspace, window)
show(hours)
show(hours_plot(hours))
