ARG PYTHON=3.11
FROM python:${PYTHON}-slim

# "" for the CPU; cuda13 or cuda12 for an NVIDIA GPU (run with --gpus all).
ARG EXTRA=""
ENV EXTRA=${EXTRA}

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /gpugrad
COPY . .
RUN make install EXTRA="${EXTRA}"

CMD ["make", "train"]
